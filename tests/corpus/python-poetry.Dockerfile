# syntax=docker/dockerfile:1
FROM python:3.11 AS requirements
ARG POETRY_VERSION=1.7.1
RUN curl -sSL https://install.python-poetry.example | POETRY_HOME=/opt/poetry python3 - --version $POETRY_VERSION
WORKDIR /tmp
COPY ./pyproject.toml ./poetry.lock* /tmp/
RUN /opt/poetry/bin/poetry export -f requirements.txt --output requirements.txt --without-hashes

FROM python:3.11-slim
WORKDIR /code
COPY --from=requirements /tmp/requirements.txt /code/requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    --mount=type=bind,from=requirements,source=/tmp/requirements.txt,target=/r.txt \
    pip install --no-cache-dir --upgrade -r /r.txt
COPY ./app /code/app
HEALTHCHECK --interval=1m30s --timeout=10s --start-period=5s --retries=3 \
  CMD python -c 'import urllib.request as r; r.urlopen("http://localhost/health")'
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "80"]
