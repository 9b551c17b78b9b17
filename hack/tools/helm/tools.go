//go:build tools

// Package tools names the command that hack/tools builds, so that go.sum pins all it needs.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
