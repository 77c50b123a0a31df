FROM alpine
ENV A=1 \
    # missing
    B
