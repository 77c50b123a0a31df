FROM maven:3.9-eclipse-temurin-21 AS build
WORKDIR /build
COPY pom.xml .
COPY api/pom.xml api/
COPY core/pom.xml core/
RUN mvn -B -e -q dependency:go-offline
COPY api/src api/src
COPY core/src core/src
RUN mvn -B -DskipTests -T 1C package

FROM eclipse-temurin:21-jre
ENV JAVA_OPTS="-XX:MaxRAMPercentage=75 -Djava.security.egd=file:/dev/./urandom"
COPY --from=build /build/api/target/*.jar /app.jar
EXPOSE 8080
ENTRYPOINT exec java $JAVA_OPTS -jar /app.jar
