FROM alpine AS work
RUN apk add --no-cache bash && rm -rf /var/cache/*
FROM scratch
COPY --from=work / /
ENV PATH=/usr/bin:/bin
CMD ["/bin/bash"]
