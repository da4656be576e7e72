# Two images from one lock file:
#   docker build --tag sluice:0.1.0 .                      target cpu, the default
#   docker build --target cuda --tag sluice:0.1.0-cuda .   for the encoder on a GPU; about 7 GB
# Names of people and postal addresses can be masked in it with --build-arg EXTRAS="--extra names".
# Either base can be given by digest: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS locked
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /opt/sluice
COPY pyproject.toml uv.lock ./

# Dependencies first: they change less often than the code and take most of the time.
FROM locked AS cpu-build
ARG EXTRAS=""
# hadolint ignore=SC2086
RUN uv sync --frozen --no-dev --no-install-project ${EXTRAS}
COPY README.md ./
COPY app app
COPY agents agents
COPY models models
COPY schemas schemas
# hadolint ignore=SC2086
RUN uv sync --frozen --no-dev --no-editable ${EXTRAS}

# The CPU twins of faiss and onnxruntime have the same module names and must stay out. CUDA's user space comes
# with the wheels (12 for faiss; 13 for onnxruntime and torch), so no CUDA base image is needed, and one of
# CUDA 12 would not serve onnxruntime: the machine brings its driver, 580 or later for CUDA 13.
FROM locked AS cuda-build
ARG GPU_SET="--extra gpu --no-install-package faiss-cpu --no-install-package onnxruntime"
ARG EXTRAS=""
# hadolint ignore=SC2086
RUN uv sync --frozen --no-dev --no-install-project ${GPU_SET} ${EXTRAS}
COPY README.md ./
COPY app app
COPY agents agents
COPY models models
COPY schemas schemas
# hadolint ignore=SC2086
RUN uv sync --frozen --no-dev --no-editable ${GPU_SET} ${EXTRAS}

# The web server listens on 127.0.0.1 unless SLUICE_WEB_HOST says otherwise (the chart does), so there is no
# HEALTHCHECK here: Kubernetes probes /healthz and /readyz. The state in /var/lib/sluice may be lost at any time.
FROM ${PYTHON_IMAGE} AS runtime
RUN groupadd --gid 10001 sluice \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/sluice --shell /usr/sbin/nologin sluice \
 && install --directory --owner 10001 --group 10001 --mode 0750 /var/lib/sluice
# ONNX Runtime's own builds report each session to their maker, with an id kept on disk, unless told before start.
ENV PATH=/opt/sluice/.venv/bin:$PATH \
    ORT_DISABLE_TELEMETRY=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    PYTHONUNBUFFERED=1 \
    SLUICE_DATA_DIR=/var/lib/sluice
WORKDIR /var/lib/sluice
USER 10001:10001
EXPOSE 8080
# Exec form: the worker is process 1 and gets SIGTERM itself, upon which it drains and leaves its group.
ENTRYPOINT ["sluice"]
CMD ["worker"]

FROM runtime AS cuda
# onnxruntime looks for CUDA 13 on the library path; faiss and torch find theirs by themselves. Containers that
# are not built on NVIDIA's images get only the driver's `utility` part unless they ask for `compute`.
ENV LD_LIBRARY_PATH=/opt/sluice/.venv/lib/python3.11/site-packages/nvidia/cu13/lib:/opt/sluice/.venv/lib/python3.11/site-packages/nvidia/cudnn/lib \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all \
    SLUICE_ENCODER_PROVIDER=cuda
COPY --from=cuda-build /opt/sluice/.venv /opt/sluice/.venv

FROM runtime AS cpu
COPY --from=cpu-build /opt/sluice/.venv /opt/sluice/.venv
