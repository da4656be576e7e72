"""`sluice feedback`: tells what a person did with a ticket or a cluster, for people whose CRM does not."""

import time
import uuid
from typing import Annotated

import typer
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pydantic import ValidationError

from agents.home import CLIENT_NAMES
from agents.topics import TopicNames
from app.cli.console import Bootstrap, Json, out, print_json
from app.connect import logged_in
from app.settings import Settings, load_settings
from models.errors import Fatal, Transient
from schemas.channels import event_type
from schemas.codec import encode
from schemas.contract import time_of
from schemas.feedback import ON_CLUSTER, Feedback, FeedbackKind
from schemas.headers import event_headers

_SOURCE = "/sluice/command-line"
_TIMEOUT_S = 15.0

# Every act by its option: what it is, and the field that the option's value stands in.
_OWNER, _INTO = "owner", "into_cluster_id"
_ACTS = {
    "assigned_to": (FeedbackKind.ASSIGNED, _OWNER),
    "reassigned_to": (FeedbackKind.REASSIGNED, _OWNER),
    "labelled": (FeedbackKind.LABELLED, _OWNER),
    "resolved": (FeedbackKind.RESOLVED, None),
    "escalated": (FeedbackKind.ESCALATED, None),
    "bound_to": (FeedbackKind.BOUND, _OWNER),
    "merged_into": (FeedbackKind.MERGED, _INTO),
    "split": (FeedbackKind.SPLIT, None),
}

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The ticket's id, or the cluster's where one is changed.")
]

Actor = Annotated[str | None, typer.Option("--actor", help="Who did it; kept on the topic only.")]


def feedback(
    id: Id,
    assigned_to: Annotated[
        str | None, typer.Option("--assigned-to", metavar="TEAM", help="The ticket was given to this team.")
    ] = None,
    reassigned_to: Annotated[
        str | None,
        typer.Option("--reassigned-to", metavar="TEAM", help="It was taken from another and given to this."),
    ] = None,
    labelled: Annotated[
        str | None, typer.Option("--labelled", metavar="TEAM", help="It belongs to this team, you say.")
    ] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="It was solved; see --owner.")] = False,
    escalated: Annotated[bool, typer.Option("--escalated", help="A person was called; see --owner.")] = False,
    bound_to: Annotated[
        str | None, typer.Option("--bound-to", metavar="TEAM", help="The cluster belongs to this team.")
    ] = None,
    merged_into: Annotated[
        str | None, typer.Option("--merged-into", metavar="CLUSTER", help="It is the same problem as this.")
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="The cluster is several problems.")] = False,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="TEAM", help="Who solved it, or who was called.")
    ] = None,
    resolution: Annotated[str | None, typer.Option("--resolution", help="What solved it.")] = None,
    kb_article: Annotated[
        str | None, typer.Option("--kb-article", help="The article on what solved it.")
    ] = None,
    actor: Actor = None,
    at: Annotated[
        str | None, typer.Option("--at", help="When, in RFC 3339, e.g. 2026-03-02T10:02:00Z. Not given: now.")
    ] = None,
    feedback_id: Annotated[
        str | None,
        typer.Option("--id", help="Of this act: the same one twice is one act. Not given: a new one."),
    ] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Tell what a person did: the worker learns from it, and `tickets.insights` says what became of the decision.

    Exactly one act: --assigned-to, --reassigned-to, --labelled, --resolved or --escalated of a ticket; --bound-to,
    --merged-into or --split of a cluster.

    Example: sluice feedback CRM-1001 --reassigned-to payments
    """
    said = {
        "assigned_to": assigned_to,
        "reassigned_to": reassigned_to,
        "labelled": labelled,
        "resolved": resolved or None,
        "escalated": escalated or None,
        "bound_to": bound_to,
        "merged_into": merged_into,
        "split": split or None,
    }
    more = _now() | {
        "owner": owner,
        "resolution": resolution,
        "kb_article_id": kb_article,
        "actor": actor,
    }
    more |= {"at": at} if at else {}
    more |= {"feedback_id": feedback_id} if feedback_id else {}
    act = act_of(id, {name: value for name, value in said.items() if value is not None}, more)
    told = publish(act, load_settings(bootstrap=bootstrap))
    if as_json:
        print_json(told)
        return
    out.print(f"told  {act.kind.value} {id} ({act.feedback_id})", highlight=False, markup=False)


def act_of(id: str, said: dict[str, str | bool], more: dict[str, object]) -> Feedback:
    """The act that the options say.

    Args:
        said: the options that are acts, by name, with what was given to each.
        more: further fields by name.

    Raises:
        Fatal: none or several of them, or a field that is not allowed.
    """
    if len(said) != 1:
        options = ", ".join("--" + name.replace("_", "-") for name in _ACTS)
        raise Fatal(f"say one act: {options}")
    ((name, value),) = said.items()
    kind, field = _ACTS[name]
    fields = {key: given for key, given in more.items() if given is not None}
    if "owner" in fields and kind not in {FeedbackKind.RESOLVED, FeedbackKind.ESCALATED}:
        raise Fatal("--owner belongs to --resolved and --escalated")
    if fields.keys() & {"resolution", "kb_article_id"} and kind is not FeedbackKind.RESOLVED:
        raise Fatal("--resolution and --kb-article belong to --resolved")
    fields["cluster_id" if kind in ON_CLUSTER else "ticket_id"] = id
    if field is not None:
        fields[field] = str(value)
    return _checked({"kind": kind, **fields})


def cluster_act(kind: FeedbackKind, cluster_id: str, fields: dict[str, object]) -> Feedback:
    """An act on a cluster, done now, with an id of its own.

    Raises:
        Fatal: a field that is not allowed.
    """
    return _checked(_now() | {"kind": kind, "cluster_id": cluster_id, **fields})


def _now() -> dict[str, object]:
    return {"at": time_of(time.time_ns() // 1_000_000), "feedback_id": f"cli-{uuid.uuid4()}"}


def _checked(fields: dict[str, object]) -> Feedback:
    try:
        return Feedback.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "feedback"
        raise Fatal(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None


def publish(act: Feedback, settings: Settings) -> dict[str, object]:
    """Put the act into `tickets.feedback`; which one it is, and where its record stands.

    Raises:
        Transient: Kafka cannot be reached, or did not answer in time.
        Fatal: it refuses, or the topic is missing.
    """
    kafka = logged_in(settings)
    topic = TopicNames(settings.topic_prefix).feedback
    producer = Producer(
        {
            **kafka,
            "partitioner": CLIENT_NAMES[settings.partitioner],
            "enable.idempotence": True,
            "message.timeout.ms": round(_TIMEOUT_S * 1000),
            "log_level": 0,
        }
    )
    told: list[tuple[KafkaError | None, Message]] = []
    subject = act.ticket_id or act.cluster_id or ""
    headers = event_headers(event_type(Feedback), act.feedback_id, _SOURCE, subject, act.at, None)
    try:
        producer.produce(
            topic,
            encode(act),
            subject.encode(),
            headers=headers,
            on_delivery=lambda *found: told.append(found),
        )
        producer.flush(_TIMEOUT_S)
    except KafkaException as error:
        raise _refused(error.args[0], topic) from None
    if not told:
        raise Transient(f"Kafka did not take the act within {_TIMEOUT_S:g} s")
    problem, record = told[0]
    if problem is not None:
        raise _refused(problem, topic)
    return {
        "feedback_id": act.feedback_id,
        "kind": act.kind.value,
        "topic": topic,
        "partition": record.partition(),
        "offset": record.offset(),
    }


def _refused(error: KafkaError, topic: str) -> Fatal | Transient:
    if error.code() in {KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART}:
        return Fatal(f"no topic {topic} there; `sluice topics create` makes it")
    if error.code() < 0 or error.retriable():
        return Transient(f"Kafka did not take the act: {error.str()}")
    return Fatal(f"Kafka refuses the act: {error.str()}")


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command()(feedback)
