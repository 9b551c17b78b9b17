{{- define "sealwatch.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "sealwatch.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sealwatch.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: expected the name of a ServiceAccount, since serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What a selector may name: it never changes. */}}
{{- define "sealwatch.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sealwatch.fullname" . }}
{{- end -}}

{{- define "sealwatch.labels" -}}
{{ include "sealwatch.selectorLabels" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "sealwatch.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* Flags as arguments: settings by their names, in the order of the alphabet. */}}
{{- define "sealwatch.args" -}}
- operator
- --config=/etc/sealwatch/config.yaml
- --verdict-cache-dir=/var/cache/sealwatch/verdicts
- --revocation-cache-dir=/var/cache/sealwatch/revocation
{{- if ne (include "sealwatch.fullname" .) "sealwatch" }}
- --lease-name={{ include "sealwatch.fullname" . }}
{{- end }}
{{- if .Values.registry.credentialsSecret }}
- --registry-config=/etc/registry/credentials/config.json
{{- end }}
{{- if .Values.registry.caSecret }}
- --registry-ca=/etc/registry/ca/ca.pem
{{- end }}
{{- with .Values.rbac.namespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
{{- range $flag, $value := .Values.settings }}
{{- /* A number of YAML is a float, which would be written as 1e+06. */}}
{{- $text := kindIs "float64" $value | ternary (int64 $value | toString) (toString $value) }}
- {{ printf "--%s=%s" $flag (kindIs "slice" $value | ternary (join "," $value) $text) }}
{{- end }}
{{- end -}}

{{/* Rules on what lies in namespaces: of a ClusterRole, or of a Role in each of rbac.namespaces. */}}
{{- define "sealwatch.namespacedRules" -}}
# Requests: read and watched.
- apiGroups: [sealwatch.dev]
  resources: [imagesignaturerequests]
  verbs: [get, list, watch]
# What it found of them.
- apiGroups: [sealwatch.dev]
  resources: [imagesignaturerequests/status]
  verbs: [get, patch]
# The finalizer that holds a request until its signatures are deleted or revoked.
- apiGroups: [sealwatch.dev]
  resources: [imagesignaturerequests]
  verbs: [patch]
# What runs.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# The condition sealwatch.dev/ImagesTrusted.
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
{{- if .Values.rbac.secrets }}
# Keys and pull secrets that a request names in its own namespace, bundles that a TrustStore names, and with the setting
# pull-secrets those of pods and their ServiceAccounts. Never listed.
- apiGroups: [""]
  resources: [secrets, configmaps, serviceaccounts]
  verbs: [get]
{{- end }}
# The workload at the top of a pod's owners, for events and metrics. Only metadata is read.
- apiGroups: [apps]
  resources: [replicasets, deployments, statefulsets, daemonsets]
  verbs: [get]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get]
# With reports: those named sealwatch of each namespace, found by their label.
- apiGroups: [wgpolicyk8s.io]
  resources: [policyreports]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [openreports.io]
  resources: [reports]
  verbs: [get, list, watch, create, patch, delete]
# Events on pods, workloads, requests, trust stores and policies.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
