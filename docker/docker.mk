# Containers. See docker/README.md.
.PHONY: image cluster test-cluster
image: ## the container image posthouse:tools, by the engine that answers
	@. docker/engine.bash && . docker/cluster.bash && \
		mkdir -p build && engine_begin && cluster_build
image: SHELL := /bin/bash
cluster: ## three containers of docker/compose.yaml, a job across them
	@docker/up.sh
test-cluster: ## the same, tried: join, menu, kill, partition, scale
	@docker/test.sh
.PHONY: test-bare
test-bare: ## `make demo` in a bare Debian container, as root and as a user
	@docker/bare.sh
