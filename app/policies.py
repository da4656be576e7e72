"""Policies: what the settings ask of each step. Under worker, and every command that works as it does."""

import os
from dataclasses import replace

from app.settings import Settings
from models.engines.encoders import EncoderSpec
from models.engines.names import load_names
from models.learn.confidence import ConfidencePolicy
from models.routing.clean import CleanPolicy
from models.routing.decide import DecidePolicy
from models.routing.duplicates import COMMITTED, DAY_MS, DuplicatePolicy
from models.routing.escalate import Action, EscalatePolicy, Rule
from models.routing.mask import DEFAULT
from models.routing.masking.span import Kind
from models.routing.pack import PackPolicy
from models.surge.detect import DetectPolicy


def encoder_spec(settings: Settings) -> EncoderSpec:
    """The encoder that the settings ask for."""
    return EncoderSpec(
        kind=settings.encoder,
        path=settings.encoder_path,
        provider=settings.encoder_provider,
        threads=settings.encoder_threads or len(os.sched_getaffinity(0)),
        max_tokens=settings.encoder_max_tokens,
        prefix=settings.encoder_prefix,
    )


def pack_policy(settings: Settings) -> PackPolicy:
    """How texts are packed for the encoder."""
    return PackPolicy(settings.pack_max_tokens, settings.pack_max_count, settings.pack_max_age_ms / 1000)


def clean_policy(settings: Settings) -> CleanPolicy:
    """How much of a ticket is read, and what is masked in it.

    Raises:
        Fatal: what finds names is asked for and not installed.
    """
    also = frozenset(Kind(kind.upper()) for kind in settings.mask_also)
    recogniser = load_names() if also - {Kind.HOST} else None
    return CleanPolicy(settings.max_text_chars, DEFAULT | also, recogniser)


def confidence_policy(settings: Settings) -> ConfidencePolicy:
    """What the thresholds of a new generation must hold."""
    return ConfidencePolicy(target_error=settings.target_error, unknown_share=settings.unknown_share)


def decide_policy(settings: Settings) -> DecidePolicy:
    """What an operator has fixed of how tickets are decided on."""
    return DecidePolicy(
        escalate=escalate_policy(settings),
        floor=settings.similarity_floor,
        route_at=settings.route_at,
    )


def escalate_policy(settings: Settings) -> EscalatePolicy:
    """An operator's rules, in their order: what is raised first may call a person by its new priority."""
    raised, senior = settings.sentiment_raise_at, settings.sentiment_senior_at
    person, urgent = settings.sentiment_person_at, frozenset(settings.escalate_priorities)
    rules = [
        raised is not None and Rule(Action.RAISE, sentiment_at=raised, to=settings.sentiment_raise_to),
        senior is not None and Rule(Action.SENIOR, sentiment_at=senior),
        bool(urgent) and Rule(Action.PERSON, priorities=urgent),
        person is not None and Rule(Action.PERSON, sentiment_at=person),
    ]
    return EscalatePolicy(
        rules=tuple(rule for rule in rules if isinstance(rule, Rule)),
        ladder=settings.priorities,
        seniors=dict(settings.senior_pairs),
    )


def duplicate_policy(settings: Settings) -> DuplicatePolicy:
    """When a ticket is said to repeat an open one."""
    return replace(
        COMMITTED,
        at=COMMITTED.at if settings.duplicate_at is None else settings.duplicate_at,
        horizon_ms=settings.duplicate_horizon_days * DAY_MS,
    )


def shadow_policy(settings: Settings) -> DecidePolicy | None:
    """The same with the threshold that is on trial; None where there is none."""
    if settings.shadow_route_at is None:
        return None
    return replace(decide_policy(settings), route_at=settings.shadow_route_at)


def detect_policy(settings: Settings) -> DetectPolicy:
    """When tickets are a surge."""
    return DetectPolicy(false_pages_per_week=settings.surge_false_pages_per_week, rule=settings.surge_rule)
