"""Wire contracts: what stands in each topic, as pydantic models with one codec.

Nothing here knows Kafka, Faust or the core; `agents/` translates between contracts and core values.
"""
