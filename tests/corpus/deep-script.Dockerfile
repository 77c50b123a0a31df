FROM debian:12
RUN set -e; case "$(uname -m)" in \
      x86_64) a=amd64 ;; \
      aarch64|arm64) a=arm64 ;; \
      *) echo >&2 "unsupported: $(uname -m)"; exit 1 ;; \
    esac; \
    f() { local x="${1#*:}"; printf '%s\n' "${x%%.*}" "${x//a/b}" "${#x}" "${!x}" "$@"; }; \
    f "a:b.c" && while read -r l; do echo "${l:1:2}"; done < /etc/passwd; \
    awk 'BEGIN { while ((getline l < "/etc/group") > 0) print l }' | sed -e 's/\\/\//g' -e '/^#/d'; \
    echo `date +%s` $(($(date +%s) / 2)) ; trap 'rm -f "$t"' EXIT; [[ a =~ ^[a-z]$ ]]; \
    python3 -c 'import json; print(json.dumps({"k": ["v", None]}))'
RUN if true; then echo "it's"; else echo 'a "quote"'; fi
RUN (cd / && tar cf - etc) | (cd /tmp && tar xf -)
RUN { echo a; echo b; } >> /x 2>&1 &
RUN eval "echo \${A:-\"b c\"}"
