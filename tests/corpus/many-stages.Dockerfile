FROM alpine AS stage0
COPY f0 /
FROM alpine AS stage1
COPY f1 /
FROM alpine AS stage2
COPY f2 /
FROM alpine AS stage3
COPY f3 /
FROM alpine AS stage4
COPY f4 /
FROM alpine AS stage5
COPY f5 /
FROM alpine AS stage6
COPY f6 /
FROM alpine AS stage7
COPY f7 /
FROM alpine AS stage8
COPY f8 /
FROM alpine AS stage9
COPY f9 /
FROM alpine AS stage10
COPY f10 /
FROM alpine AS stage11
COPY f11 /
FROM alpine AS stage12
COPY f12 /
FROM alpine AS stage13
COPY f13 /
FROM alpine AS stage14
COPY f14 /
FROM alpine AS stage15
COPY f15 /
FROM alpine AS stage16
COPY f16 /
FROM alpine AS stage17
COPY f17 /
FROM alpine AS stage18
COPY f18 /
FROM alpine AS stage19
COPY f19 /
FROM alpine AS stage20
COPY f20 /
FROM alpine AS stage21
COPY f21 /
FROM alpine AS stage22
COPY f22 /
FROM alpine AS stage23
COPY f23 /
FROM alpine AS stage24
COPY f24 /
FROM alpine AS stage25
COPY f25 /
FROM alpine AS stage26
COPY f26 /
FROM alpine AS stage27
COPY f27 /
FROM alpine AS stage28
COPY f28 /
FROM alpine AS stage29
COPY f29 /
FROM alpine AS stage30
COPY f30 /
FROM alpine AS stage31
COPY f31 /
FROM alpine AS stage32
COPY f32 /
FROM alpine AS stage33
COPY f33 /
FROM alpine AS stage34
COPY f34 /
FROM alpine AS stage35
COPY f35 /
FROM alpine AS stage36
COPY f36 /
FROM alpine AS stage37
COPY f37 /
FROM alpine AS stage38
COPY f38 /
FROM alpine AS stage39
COPY f39 /
FROM scratch
COPY --from=stage0 /f0 /
COPY --from=stage3 /f3 /
COPY --from=stage6 /f6 /
COPY --from=stage9 /f9 /
COPY --from=stage12 /f12 /
COPY --from=stage15 /f15 /
COPY --from=stage18 /f18 /
COPY --from=stage21 /f21 /
COPY --from=stage24 /f24 /
COPY --from=stage27 /f27 /
COPY --from=stage30 /f30 /
COPY --from=stage33 /f33 /
COPY --from=stage36 /f36 /
COPY --from=stage39 /f39 /
