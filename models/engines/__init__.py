"""The only importers of ONNX Runtime, torch, FAISS and HDBSCAN; each satisfies a protocol that a step declares."""
