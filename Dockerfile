# The command ramospeech with all extras. docker build -t ramospeech [--build-arg DEVICE=cuda] .   See docs/installing.md
FROM python:3.11-slim-bookworm
ARG DEVICE=cpu
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
COPY . /src
# torch first: the wheels of PyPI bring CUDA, those of its CPU index are a tenth of the size.
RUN if [ "$DEVICE" = cuda ]; then index=https://pypi.org/simple; else index=https://download.pytorch.org/whl/cpu; fi \
    && pip install --no-cache-dir --index-url "$index" "$(grep -o '^torch==[0-9.]*' /src/requirements.txt)" \
    && pip install --no-cache-dir -c /src/requirements.txt "/src[all]" jupyterlab \
    && cp -r /src/data_config /data_config && rm -rf /src
WORKDIR /work
RUN mv /data_config . && mkdir data runs
VOLUME ["/work/data", "/work/runs"]
ENTRYPOINT ["ramospeech"]
CMD ["--help"]
