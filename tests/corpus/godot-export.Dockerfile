FROM ubuntu:22.04
ARG GODOT="4.2.1" RELEASE_NAME="stable" \
    SUBDIR=""
ARG GODOT_PLATFORM="linux.x86_64"
RUN wget -q https://example.test/godot/${GODOT}${SUBDIR}/Godot_v${GODOT}-${RELEASE_NAME}_${GODOT_PLATFORM}.zip \
    && mkdir -p ~/.cache ~/.config/godot \
    && ln -s /opt/godot/Godot_v${GODOT}-${RELEASE_NAME}_${GODOT_PLATFORM} /usr/local/bin/godot
ADD getbutler.sh /opt/butler/getbutler.sh
RUN bash /opt/butler/getbutler.sh && /opt/butler/bin/butler -V
ENV PATH="/opt/butler/bin:${PATH}"
