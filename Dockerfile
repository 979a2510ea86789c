# Two stages: the first has the compilers, the second only what runs.
FROM node:20-bookworm-slim AS build
WORKDIR /gotcp
COPY package.json package-lock.json binding.gyp ./
COPY native native
COPY tools tools
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
WORKDIR /gotcp
COPY tools tools
RUN node tools/system.mjs lab tests
COPY --from=build /gotcp/package.json ./
COPY --from=build /gotcp/node_modules node_modules
COPY --from=build /gotcp/build/Release build/Release
COPY --from=build /gotcp/dist dist
RUN ln -s /gotcp/dist/src/cli/main.js /usr/local/bin/gotcp
ENTRYPOINT []
CMD ["bash"]
