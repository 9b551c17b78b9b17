# The image of the operator and the command: compiled, with its dependencies alone, on an image without a shell.
# hack/image-check runs the same steps without a container engine.
FROM node:24-slim AS build
WORKDIR /sealwatch
COPY package.json package-lock.json .npmrc ./
# Scripts of packages are not run: none is needed at run time, and one would fetch a Node that is here already.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build
# The command by its name, for `kubectl exec`: there is no env that would find node for its first line.
RUN sed -i '1s|.*|#!/nodejs/bin/node|' dist/cli/main.js
RUN mkdir bin && ln -s /sealwatch/dist/cli/main.js bin/sealwatch

FROM node:24-slim AS dependencies
WORKDIR /sealwatch
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM gcr.io/distroless/nodejs24-debian12:nonroot
WORKDIR /sealwatch
COPY --from=dependencies /sealwatch/node_modules node_modules
COPY --from=build /sealwatch/dist dist
COPY --from=build /sealwatch/bin /usr/local/bin
COPY package.json LICENSE ./
# Two pools of malloc: with one for each thread, 20 MiB more lie idle.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
# By number, so that Kubernetes can tell that it is not root. Nothing is written but to the folders of caches.
USER 65532:65532
EXPOSE 8080
# `docker run IMAGE verify …` is the command; without arguments it is the operator.
# A small young generation: resident memory counts here, throughput does not (docs/scale.md has the measurement). No
# source maps: 15 MiB and a second of each start, for line numbers of compiled code that reads like its source.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=2", "/sealwatch/dist/cli/main.js"]
CMD ["operator"]
