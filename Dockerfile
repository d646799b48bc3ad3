# The command ramospeech with all extras. docker build -t ramospeech [--build-arg TORCH_INDEX=URL] .   See docs/installing.md
FROM python:3.11-slim-bookworm
ARG TORCH_INDEX=
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
COPY . /src
# torch first: the wheels of PyPI bring CUDA, those of torch's own CPU index are a tenth of the size.
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep -o '^torch==[0-9.]*' /src/requirements.txt)" \
    && pip install --no-cache-dir -c /src/requirements.txt "/src[all]" jupyterlab \
    && cp -r /src/data_config /data_config && rm -rf /src
WORKDIR /ramospeech
RUN mv /data_config . && mkdir data runs
VOLUME ["/ramospeech/data", "/ramospeech/runs"]
ENTRYPOINT ["ramospeech"]
CMD ["--help"]
