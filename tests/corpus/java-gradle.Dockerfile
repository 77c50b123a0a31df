FROM gradle:8-jdk17-alpine AS cache
ENV GRADLE_USER_HOME /cache
COPY build.gradle.kts settings.gradle.kts gradle.properties ./
RUN gradle --no-daemon resolveDependencies --stacktrace

FROM gradle:8-jdk17-alpine AS builder
COPY --from=cache /cache /home/gradle/.gradle
COPY --chown=gradle:gradle . /home/gradle/src
WORKDIR /home/gradle/src
RUN gradle --no-daemon bootJar

FROM eclipse-temurin:17-jre-alpine
WORKDIR /spring
COPY --from=builder /home/gradle/src/build/libs/*-SNAPSHOT.jar app.jar
RUN java -Djarmode=layertools -jar app.jar extract
CMD ["java", "org.springframework.boot.loader.JarLauncher"]
