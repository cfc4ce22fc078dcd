{{- define "tierrouter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The longest suffix is "-webhook-certificate"; names of Services and labels end at 63 characters. */}}
{{- define "tierrouter.fullname" -}}
{{- $name := include "tierrouter.name" . }}
{{- $made := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $made .Values.fullnameOverride | trunc 43 | trimSuffix "-" }}
{{- end }}

{{/* (list $ "operator") */}}
{{- define "tierrouter.componentName" -}}
{{- printf "%s-%s" (include "tierrouter.fullname" (first .)) (last .) }}
{{- end }}

{{/* (list $ "operator"): the account's name, of the chart's making or not */}}
{{- define "tierrouter.serviceAccountName" -}}
{{- $account := (index (first .).Values (last .)).serviceAccount }}
{{- default (ternary (include "tierrouter.componentName" .) "default" $account.create) $account.name }}
{{- end }}

{{- define "tierrouter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tierrouter.name" (first .) }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* (list $ "operator"): what selectors and NetworkPolicies know its pods by */}}
{{- define "tierrouter.ownPodLabels" -}}
{{ include "tierrouter.selectorLabels" . }}
# Model servers let the operator in by this.
app.kubernetes.io/part-of: tierrouter
{{- end }}

{{/* (list $ "operator") */}}
{{- define "tierrouter.ownLabels" -}}
{{ include "tierrouter.selectorLabels" . }}
app.kubernetes.io/part-of: tierrouter
app.kubernetes.io/version: {{ (first .).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (first .).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (first .).Chart.Name (first .).Chart.Version | replace "+" "_" }}
{{- end }}

{{/* (list $ "operator"), or (list $ "rules" $labels) with labels of this object, which beat commonLabels */}}
{{- define "tierrouter.labels" -}}
{{ include "tierrouter.ownLabels" (slice . 0 2) }}
{{- with include "tierrouter.givenLabels" (list (first .) (slice . 2 | first)) }}
{{ . }}
{{- end }}
{{- end }}

{{/* (list $ $labels): these and commonLabels, as YAML; empty for none. None of the chart's own: tierrouter.checks */}}
{{- define "tierrouter.givenLabels" -}}
{{- with merge (dict) (last . | default dict) ((first .).Values.commonLabels | default dict) }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* (list $ $image): repository:tag, or repository@digest */}}
{{- define "tierrouter.image" -}}
{{- $image := last . }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default (first .).Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{- define "tierrouter.webhookCertificateSecret" -}}
{{- $certificate := .Values.webhook.certificate }}
{{- default (include "tierrouter.componentName" (list . "webhook-certificate")) (default $certificate.secretName $certificate.existingSecret) }}
{{- end }}

{{/* "true" where the webhook makes its own certificate */}}
{{- define "tierrouter.isSelfManaged" -}}
{{- if not (or .Values.webhook.certManager.enabled .Values.webhook.certificate.existingSecret) }}true{{ end }}
{{- end }}

{{/* "-1" or another weight. All of a test goes when it has passed: uninstalling leaves what hooks made. */}}
{{- define "tierrouter.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
