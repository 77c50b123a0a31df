ARG ARCH=arm32v7
FROM alpine AS qemu
ARG QEMU=https://example.test/qemu-7.0-arm.tar.gz
RUN apk add curl && curl -L ${QEMU} | tar zxvf - -C . --strip-components 1
FROM ${ARCH}/python:3.11-slim
COPY --from=qemu qemu-arm-static /usr/bin
ADD ./app /app
RUN pip3 install -r /app/requirements.txt --extra-index-url=https://wheels.example.test/simple
ENTRYPOINT ["python3", "-u", "/app/main.py"]
