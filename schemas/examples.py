"""One event of every contract, as the AsyncAPI document shows it to a client."""

from datetime import UTC, datetime

from schemas.contract import Event
from schemas.dead_letter import DeadLetter, DeadReason, Source
from schemas.decision import (
    Alternative,
    ClusterMatch,
    Decision,
    HeatPiece,
    OutcomeName,
    Overrides,
    ReasonName,
    Sentiment,
    SimilarTicket,
    Sla,
)
from schemas.feedback import Correction, CorrectionKind, Feedback, FeedbackKind
from schemas.generation import GenerationManifest, GenerationPart
from schemas.insight import Insight, InsightSource, Lesson
from schemas.knowledge import Article
from schemas.shadow import ShadowDifference, ShadowTally, Verdict
from schemas.state import TicketState, TicketStatus
from schemas.surge import (
    Chart,
    Count,
    CourseState,
    Surge,
    SurgeCluster,
    SurgeCourse,
    SurgeDay,
    SurgeEvidence,
    SurgeNotice,
    SurgeStatus,
    Window,
)
from schemas.ticket import Attachment, TicketEvent, TicketEventKind

_GENERATION = "g-5b1f0c9a7d3e2846"
_CAMERA = "c-camera-crash"
_ENCODER = "use-m3-fp32@4f1d"
_BYTES_SHA256 = "9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a"  # of 01 02 03 04


def _at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, second, tzinfo=UTC)


_TICKET = TicketEvent(
    ticket_id="T-48213",
    event=TicketEventKind.CREATED,
    version=1,
    title="App closes when I open the camera",
    description="Since this morning the app closes at once when I tap the camera.",
    attachments=[Attachment(ocr_text="Error 0x80070057")],
    device="iPhone 14 Pro",
    os="iOS 17.5",
    app_version="8.2.1",
    steps=["open the app", "tap the camera"],
    product="mobile",
    channel="email",
    language="en",
    customer_id="C-1077",
    priority="normal",
    created_at=_at(9, 30),
)

_DECISION = Decision(
    decision_id="d-0c4e8f1a2b3d5967",
    ticket_id="T-48213",
    ticket_version="1",
    outcome=OutcomeName.ROUTE,
    reason=ReasonName.CONFIDENT,
    owner="mobile-camera",
    sla=Sla(minutes=240, due_at=_at(13, 30)),
    cluster=ClusterMatch(id=_CAMERA, name="camera crash", similarity=0.87, margin=0.21, confidence=0.96),
    alternatives=[
        Alternative(id="c-login", name="login fails", owner="accounts", similarity=0.66, confidence=0.04)
    ],
    similar=[
        SimilarTicket(
            ticket_id="T-47990",
            title="Camera crash after the update",
            resolution="Update to 8.2.2.",
            owner="mobile-camera",
            kb_article_id="KB-311",
            similarity=0.91,
        )
    ],
    sentiment=Sentiment(label="upset", score=0.62),
    explanation="Nearest to camera crash; 96 % of the neighbours belong to mobile-camera.",
    heat_map=[
        HeatPiece(text="Since this morning the ", weight=None),
        HeatPiece(text="app closes", weight=0.41),
        HeatPiece(text=" at once when I ", weight=None),
        HeatPiece(text="tap the camera", weight=0.78),
        HeatPiece(text=".", weight=None),
    ],
    overrides=Overrides(similarity_floor=None, route_at=0.9),
    generation_id=_GENERATION,
    revision=2,
    encoder=_ENCODER,
    decided_at=_at(9, 30, 1),
)

_SURGE = Surge(
    surge_id="s-camera-crash-20260302T0900",
    status=SurgeStatus.FIRING,
    cluster=SurgeCluster(id=_CAMERA, name="camera crash"),
    owner="mobile-camera",
    started_at=_at(9, 0),
    updated_at=_at(9, 45),
    observed=42,
    expected=6.5,
    ratio=6.46,
    q_value=0.0001,
    window=Window(start=_at(8, 45), end=_at(9, 45)),
    customers_affected=39,
    descriptions=["Since this morning the app closes at once when I tap the camera."],
    generation_id=_GENERATION,
    runbook="https://runbooks.example.com/camera-crash",
    ticket_ids=["T-48213"],
    notice=SurgeNotice.FIRING,
    members=[SurgeCluster(id=_CAMERA, name="camera crash"), SurgeCluster(id="c-app-ends", name="app ends")],
    product="mobile",
    sla_minutes=240,
    chart=Chart(start=_at(6, 0), hours=[5, 7, 6, 38]),
    first_cluster=_CAMERA,
    first_owner="mobile-camera",
)

_STATE = TicketState(
    ticket_id="T-48213",
    version="1",
    order=1,
    status=TicketStatus.OPEN,
    title="App closes when I open the camera",
    text="Since this morning the app closes at once when I tap the camera.",
    vector="ADwAAAAAAAA=",
    encoder=_ENCODER,
    cluster_id=_CAMERA,
    owner="mobile-camera",
    customer_id="C-1077",
    product="mobile",
    generation_id=_GENERATION,
    decision_id="d-0c4e8f1a2b3d5967",
    outcome=OutcomeName.ROUTE,
    confidence=0.96,
    revision=2,
    decided_at=_at(9, 30, 1),
    priority="normal",
    created_at=_at(9, 30),
    updated_at=_at(9, 30),
)

_DEAD = DeadLetter(
    reason=DeadReason.NOT_JSON,
    field=None,
    detail="the value must be JSON by RFC 8259",
    source=Source(topic="tickets", partition=3, offset=120931, timestamp=_at(9, 31)),
    original_key="VC00ODIxNA==",
    original_value="eyJ0aWNrZXRfaWQi",
    original_headers=[("content-type", "YXBwbGljYXRpb24vanNvbg==")],
    died_at=_at(9, 31, 1),
    worker="sluice-worker-0",
)

EXAMPLES: dict[type[Event], Event] = {
    type(event): event
    for event in (
        _TICKET,
        _DECISION,
        _SURGE,
        Count(
            ticket_id="T-48213",
            cluster_id=_CAMERA,
            generation_id=_GENERATION,
            customer_id="C-1077",
            product="mobile",
            occurred_at=_at(9, 30),
        ),
        SurgeDay(
            cluster_id=_CAMERA,
            day=20514,
            bucket_s=300,
            buckets={"108": 4, "109": 9},
            updated_at=_at(9, 45),
        ),
        SurgeCourse(
            surge_id="s-camera-crash-20260302T0900",
            state=CourseState.FIRING,
            clusters=[_CAMERA, "c-app-ends"],
            started_at=_at(9, 0),
            since=_at(9, 20),
            last=SurgeEvidence(
                enters=True,
                stays=True,
                observed=42,
                expected=6.5,
                q_value=0.0001,
                window_s=3600,
                started_at=_at(9, 0),
            ),
            told=True,
            told_excess=35.5,
            told_members=2,
            acknowledged_until=_at(13, 0),
            product="mobile",
            generation_id=_GENERATION,
            updated_at=_at(9, 45),
        ),
        Feedback(
            feedback_id="f-2210",
            kind=FeedbackKind.REASSIGNED,
            ticket_id="T-48213",
            owner="mobile-core",
            actor="agent-17",
            at=_at(10, 2),
        ),
        Insight(
            feedback_id="f-2210",
            ticket_id="T-48213",
            kind=FeedbackKind.REASSIGNED,
            source=InsightSource.FEEDBACK,
            decision_id="d-0c4e8f1a2b3d5967",
            outcome=OutcomeName.ROUTE,
            confidence=0.96,
            cluster_id=_CAMERA,
            decided_owner="mobile-camera",
            owner="mobile-core",
            lesson=Lesson.CORRECTED,
            is_first_assignment=True,
            first_assignment_right=False,
            is_reassignment=True,
            reassigned=1,
            seconds_to_assign=1.0,
            seconds_to_resolve=None,
            generation_id=_GENERATION,
            revision=2,
            at=_at(10, 2),
        ),
        Correction(
            feedback_id="f-2210",
            kind=CorrectionKind.CORRECTED,
            ticket_id="T-48213",
            cluster_id=_CAMERA,
            decided_owner="mobile-camera",
            owner="mobile-core",
            generation_id=_GENERATION,
            text="Since this morning the app closes at once when I tap the camera.",
            vector="ADwAAAAAAAA=",
            encoder=_ENCODER,
            at=_at(10, 2),
        ),
        Article(
            article_id="KB-311",
            title="Camera closes the app on iOS 17.5",
            text="The camera closes the app on iOS 17.5 since 8.2.1. Update to 8.2.2.",
            product="mobile",
            language="en",
            updated_at=_at(8, 0),
        ),
        GenerationPart(generation_id=_GENERATION, number=0, sha256=_BYTES_SHA256, data="AQIDBA=="),
        GenerationManifest(
            generation_id=_GENERATION,
            parts=1,
            size_bytes=4,
            sha256=_BYTES_SHA256,
            encoder=_ENCODER,
            clusters=210,
            created_at=_at(6, 0),
        ),
        ShadowDifference(
            decision_id="d-0c4e8f1a2b3d5967",
            ticket_id="T-48213",
            ticket_version="1",
            generation_id=_GENERATION,
            shadow_generation_id="g-91c2e07b4d5fa683",
            shadow_route_at=None,
            revision=2,
            live=Verdict(
                outcome=OutcomeName.ROUTE, owner="mobile-camera", cluster_id=_CAMERA, confidence=0.96
            ),
            shadow=Verdict(
                outcome=OutcomeName.PROPOSE, owner="mobile-core", cluster_id="c-app-ends", confidence=0.71
            ),
            decided_at=_at(9, 30, 1),
        ),
        ShadowTally(
            generation_id=_GENERATION,
            shadow_generation_id="g-91c2e07b4d5fa683",
            shadow_route_at=None,
            decisions=17,
            differing=1,
            decided_at=_at(9, 30, 1),
        ),
        _STATE,
        _DEAD,
    )
}
