{{- define "craton-hsm.config" -}}
[token]
storage_path = "/var/lib/craton-hsm/store"

[daemon]
bind = "0.0.0.0:5696"
tls_cert = "/tls/tls.crt"
tls_key = "/etc/craton-hsm/tls.key"
tls_client_ca = "/tls/ca.crt"
{{- if .Values.tls.crl }}
tls_client_crl = "/tls/crl.pem"
crl_refresh_secs = {{ int64 .Values.tls.crlRefreshSecs }}
{{- end }}
max_connections = {{ int64 .Values.daemon.maxConnections }}
drain_timeout_secs = {{ int64 .Values.daemon.drainTimeoutSecs }}
log_format = {{ .Values.daemon.logFormat | quote }}

{{ .Values.config }}
{{ end -}}
