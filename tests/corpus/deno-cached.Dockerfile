FROM denoland/deno:alpine-1.40.2

EXPOSE 1993
WORKDIR /app
USER deno

# Changes seldom.
COPY deps.ts .
RUN deno cache deps.ts

# Changes often.
ADD . .
RUN deno cache main.ts

CMD ["run", "--allow-net", "--allow-read=.", "main.ts"]
