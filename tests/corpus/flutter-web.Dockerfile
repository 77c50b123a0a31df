FROM debian:latest AS build-env
RUN apt-get update && apt-get install -y curl git unzip
RUN git clone https://example.test/flutter.git /usr/local/flutter
ENV PATH="/usr/local/flutter/bin:/usr/local/flutter/bin/cache/dart-sdk/bin:${PATH}"
RUN flutter doctor -v && flutter channel master && flutter upgrade
RUN mkdir /app/
COPY . /app/
WORKDIR /app/
RUN flutter build web
FROM nginx:1.21.1-alpine
COPY --from=build-env /app/build/web /usr/share/nginx/html
