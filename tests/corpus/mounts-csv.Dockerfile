# syntax=docker/dockerfile:1
FROM alpine AS tools
RUN apk add git
FROM alpine
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc,required=true,mode=0400,uid=0,gid=0 cat /root/.npmrc
RUN --mount=type=ssh,id=default ssh -T git@example.test || true
RUN --mount=type=bind,from=tools,source=/usr/bin/git,target=/git,ro=true /git --version
RUN --mount=type=cache,id=a-$TARGETARCH,target=/cache,sharing=private,from=tools,source=/var/cache,mode=0755 ls /cache
RUN --mount=type=tmpfs,target=/scratch,size=128m \
    --mount=target=/ctx \
    --mount=type=bind,src=.,dst=/c2,readwrite \
    --network=none --security=sandbox \
    ls /ctx /scratch
RUN --mount='type=cache,"target=/with,comma"' ls "/with,comma"
RUN --mount="type=bind,target=/q" --mount=type=bind,"target=/r",readonly ls /q /r
RUN --mount=type=secret,id=token,env=TOKEN sh -c 'test -n "$TOKEN"'
RUN --mount=type=cache,target=/a/"b c" ls
RUN --mount=type=cache,target=/esc\ aped ls
