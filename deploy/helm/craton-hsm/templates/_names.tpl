{{- define "craton-hsm.name" -}}
{{ .Release.Name }}-craton-hsm
{{- end -}}
{{- define "craton-hsm.labels" -}}
{"app.kubernetes.io/name": "craton-hsm", "app.kubernetes.io/instance": {{ .Release.Name | quote }}}
{{- end -}}
