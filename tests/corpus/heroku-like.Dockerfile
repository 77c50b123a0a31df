FROM heroku/heroku:22-build AS build
ENV BP=/bp STACK=heroku-22 HOME=/app
RUN mkdir -p $BP /app /cache /env && curl -sSf https://example.test/node.tgz | tar -xz -C $BP
COPY . /app
RUN STACK=$STACK $BP/bin/compile /app /cache /env
FROM heroku/heroku:22
COPY --from=build /app /app
WORKDIR /app
RUN useradd heroku && chown -R heroku .
USER heroku
CMD for f in .profile.d/*.sh; do . "$f"; done; exec $(sed -n 's/^web: *//p' Procfile)
