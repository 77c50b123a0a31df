FROM eclipse-temurin:17-jre
ENV TYPE=VANILLA VERSION=LATEST EULA="" UID=1000 GID=1000 \
  RCON_PASSWORD=minecraft MEMORY="1G" JVM_XX_OPTS="-XX:+UseG1GC"
EXPOSE 25565 25575
VOLUME ["/data"]
WORKDIR /data
STOPSIGNAL SIGTERM
COPY --chmod=755 bin/ /usr/bin/
COPY --chmod=755 <<-'SH' /start
	#!/bin/sh
	: "${EULA:?you must accept}"
	exec java $JVM_XX_OPTS -Xmx$MEMORY -jar server.jar nogui
	SH
ENTRYPOINT [ "/start" ]
HEALTHCHECK --start-period=1m CMD mc-health
