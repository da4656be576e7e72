"""Names that helpdesks give their columns, by the ticket field that they mean. Part of mapping.

A column is compared without case and punctuation, so that `Created At`, `createdAt` and `created_at` are one.
The first name of a list that the file has is taken.
"""

import re

from schemas.ticket import TicketEvent

STATUS = "status"
"""Not a field of the event: it tells which kind of event a row is."""

FIELDS = (*TicketEvent.model_fields, STATUS)
"""Every field that a column may be mapped to."""

NAMES: dict[str, tuple[str, ...]] = {
    "ticket_id": (
        "id",
        "ticket",
        "ticket_number",
        "number",
        "key",
        "issue_key",
        "issue_id",
        "工单号",
        "工单编号",
    ),
    "title": ("subject", "summary", "short_description", "headline", "标题", "主题"),
    "description": ("body", "text", "message", "content", "details", "描述", "内容", "问题描述"),
    "attachments": ("ocr_text", "attachment_text"),
    "device": ("device_model", "设备"),
    "os": ("operating_system", "系统"),
    "app_version": ("client_version", "应用版本"),
    "steps": ("steps_to_reproduce", "repro_steps", "复现步骤"),
    "product": ("service", "产品"),
    "channel": ("via", "渠道"),
    "language": ("lang", "locale", "语言"),
    "customer_id": ("customer", "account_id", "requester_id", "user_id", "客户编号"),
    "priority": ("severity", "urgency", "优先级"),
    "created_at": (
        "created",
        "created_time",
        "opened_at",
        "sys_created_on",
        "date",
        "ts",
        "timestamp",
        "创建时间",
    ),
    "updated_at": (
        *("updated", "updated_time", "sys_updated_on", "last_modified", "modified"),
        *("resolved_at", "resolved_ts", "closed_at", "更新时间"),
    ),
    "assigned_team": ("team", "queue", "assignment_group", "group", "owner", "label", "处理团队", "处理组"),
    "assigned_agent": ("assignee", "assigned_to", "agent", "处理人"),
    "resolution": ("solution", "close_notes", "resolution_notes", "解决方案"),
    "kb_article_id": ("kb_article", "kb", "知识库编号"),
    STATUS: ("state", "ticket_status", "状态"),
}

# Other systems use these names for something else (file names, an app's version): from a column that is not asked
# for by --map, only a value of the contract's own JSON type is taken.
OWN_TYPE: dict[str, type] = {"attachments": list, "version": int}

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PUNCTUATION = re.compile(r"[\W_]+")


def plain(column: str) -> str:
    """The column's name in lower case, its words joined by `_`."""
    return _PUNCTUATION.sub("_", _HUMP.sub("_", column)).strip("_").lower()


def find(columns: tuple[str, ...]) -> dict[str, str]:
    """The column that each field is taken from, for fields that have one."""
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(plain(column), column)
    found: dict[str, str] = {}
    for field in FIELDS:
        for name in (field, *NAMES.get(field, ())):
            if name in by_name:
                found[field] = by_name[name]
                break
    return found
