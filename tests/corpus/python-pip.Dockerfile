FROM python:3.12-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=off \
    PIP_DISABLE_PIP_VERSION_CHECK=on

WORKDIR /code

RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        build-essential \
        # for psycopg
        libpq-dev \
        # for pillow
        libjpeg62-turbo-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*

COPY requirements requirements
RUN pip install -r requirements/production.txt

#dev-run=pip install -r requirements/dev.txt
#dev-cmd-live=python manage.py runserver 0.0.0.0:8000

COPY . .
RUN SECRET_KEY=unused python manage.py collectstatic --noinput
RUN python -m compileall -q .

EXPOSE 8000
CMD ["gunicorn", "--bind", ":8000", "--workers", "3", "shop.wsgi"]
