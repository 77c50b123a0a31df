# Комментарий — 日本語 🐳
FROM alpine AS base
LABEL название="значение" 説明='日本語'
RUN echo "naïve café" '“quotes”' …
ENV ΑΒΓ=δ é=è
COPY ñandú.txt [日本].md /дир/
WORKDIR /データ
USER пользователь
RUN <<КОНЕЦ
echo ✓
КОНЕЦ
CMD ["эхо", "\u00e9"]
