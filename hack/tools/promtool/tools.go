//go:build tools

// Package tools names the command that hack/tools builds, so that go.sum pins all it needs.
package tools

import _ "github.com/prometheus/prometheus/cmd/promtool"
