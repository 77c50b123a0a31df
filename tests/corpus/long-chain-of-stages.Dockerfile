FROM alpine AS s0
RUN echo 0 > /0
FROM s0 AS s1
COPY a1 /
FROM s1 AS s2
COPY --from=s0 /0 /from0
FROM s2 AS s3
COPY --from=s1 /a1 /from1
FROM s3 AS s4
COPY --from=2 /from0 /again
FROM s4 AS s5
FROM s5 AS s6
COPY --from=s3 /from1 /x
FROM s6 AS s7
COPY b /
FROM s7 AS s8
RUN --mount=from=s2,target=/m ls /m
FROM s8 AS s9
FROM alpine AS s10
COPY --from=s9 / /all
FROM s10 AS s11
COPY --from=s10 /all/0 /0
COPY c /c
