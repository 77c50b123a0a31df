FROM debian:12
RUN apt-get update \
    # the compiler
    && apt-get install -y gcc \
# at the margin
    && rm -rf /var/lib/apt/lists/* \
    # trailing comment with a backslash \
    && true
CMD ["true"]
