ARG A
ARG B=
ARG C="" D='' E="e e" F=f\ f G
ARG H=$A I=${B:-b} J="${C:-$E}"
ARG REGISTRY=registry.example.test:5000/
ARG TAG=latest@sha256:0000000000000000000000000000000000000000000000000000000000000000
FROM ${REGISTRY}library/alpine AS base
ARG A B=2 C
ARG lower_case=1 with.dot=2 with-dash=3 1digit=4
ARG --ignored=flag K=1
RUN echo $A $B $C
FROM base
ARG A=again
ARG A
ENV A=$A
FROM scratch
