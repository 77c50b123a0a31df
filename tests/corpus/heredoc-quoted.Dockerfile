FROM busybox
RUN <<'EOF' cat > /a
$HOME
EOF
RUN <<"END OF" cat
x
END OF
RUN cat <<\STOP
y
STOP
