# syntax=docker/dockerfile:1 --some argument
FROM alpine
