FROM gcc:13 AS toolchain
RUN apt-get update && apt-get install -y --no-install-recommends cmake ninja-build ccache
ENV CCACHE_DIR=/ccache CMAKE_GENERATOR=Ninja
WORKDIR /w
FROM toolchain AS build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake/ cmake/
COPY include/ include/
COPY src/ src/
RUN --mount=type=cache,target=/ccache \
    cmake -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
      -DCMAKE_CXX_FLAGS="-Wall -Wextra -DNAME=\"app\"" && \
    cmake --build build --parallel
FROM build AS test
COPY tests/ tests/
RUN ctest --test-dir build --output-on-failure
FROM debian:12-slim
COPY --from=build /w/build/app /usr/bin/app
CMD ["app"]
