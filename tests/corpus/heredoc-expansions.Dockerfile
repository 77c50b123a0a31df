FROM alpine
ARG NAME=world
ENV GREETING=hello
COPY <<EOF /expanded
$GREETING ${NAME} ${MISSING:-default} ${NAME:+set} \$NAME \\ "quoted $NAME" 'single $NAME'
EOF
COPY <<'EOF' /literal
$GREETING ${NAME} \$NAME
EOF
COPY <<\EOF /escaped
$GREETING
EOF
RUN cat <<EOF | tee /run
$GREETING ${NAME}
EOF
