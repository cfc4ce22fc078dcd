{{/* What one value can't say of itself, and so no schema. */}}
{{- define "tierrouter.checks" -}}
{{- $certificate := .Values.webhook.certificate }}
{{- if and .Values.webhook.certManager.enabled $certificate.existingSecret }}
{{- fail "webhook.certManager.enabled and webhook.certificate.existingSecret are both set, and only one can be where the certificate comes from: unset one of them" }}
{{- end }}
{{- if and $certificate.existingSecret (not $certificate.caBundle) }}
{{- fail (printf "webhook.certificate.caBundle is empty, so the API server would trust no certificate of the Secret %s: set it to the authority's certificate (PEM, in base64), such as the Secret's ca.crt" $certificate.existingSecret) }}
{{- end }}
{{- if and $certificate.caBundle (not $certificate.existingSecret) }}
{{- fail "webhook.certificate.caBundle is set without webhook.certificate.existingSecret, so there is no certificate that it could have signed: set both or none" }}
{{- end }}
{{- $prometheus := .Values.operator.prometheus }}
{{- if and $prometheus.tokenSecret.name (not $prometheus.url) }}
{{- fail "operator.prometheus.tokenSecret is set without operator.prometheus.url, so there is nobody to show the token to: set both or none" }}
{{- end }}
{{- if and $prometheus.caSecret.name (not (hasPrefix "https://" $prometheus.url)) }}
{{- fail "operator.prometheus.caSecret is set and operator.prometheus.url is no https address, so there is no certificate to trust: use https, or unset it" }}
{{- end }}
{{- $own := include "tierrouter.ownLabels" (list . "any") | fromYaml }}
{{- $ofPods := include "tierrouter.ownPodLabels" (list . "any") | fromYaml }}
{{- range $given := list
  (list "commonLabels" .Values.commonLabels $own)
  (list "operator.podLabels" .Values.operator.podLabels $ofPods)
  (list "webhook.podLabels" .Values.webhook.podLabels $ofPods)
  (list "podMonitor.labels" .Values.podMonitor.labels $own)
  (list "prometheusRule.labels" .Values.prometheusRule.labels $own)
  (list "dashboards.labels" .Values.dashboards.labels $own)
  (list "grafanaAlerts.labels" .Values.grafanaAlerts.labels $own)
}}
{{- range $key, $_ := index $given 1 }}
{{- if hasKey (last $given) $key }}
{{- fail (printf "%s has %s, which is the chart's own, and selectors and NetworkPolicies go by such labels: take it out, or choose another name" (first $given) $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $component := list "operator" "webhook" }}
{{- $account := (index $.Values $component).serviceAccount }}
{{- if not (or $account.create $account.name) }}
{{- fail (printf "%s.serviceAccount.create is false and %s.serviceAccount.name is empty, so the account would be \"default\", which every pod of the namespace has: name an account" $component $component) }}
{{- end }}
{{- end }}
{{- range $namespace := .Values.watchNamespaces }}
{{- if and $.Values.webhook.enabled (has $namespace (append $.Values.webhook.excludedNamespaces $.Release.Namespace)) }}
{{- fail (printf "watchNamespaces has %s, where no pod gets a sidecar: it is the release's own namespace or one of webhook.excludedNamespaces; take it out" $namespace) }}
{{- end }}
{{- end }}
{{- end }}
