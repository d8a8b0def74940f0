# Remediation, repair: starts the service where it stands still. What needs settings needs an administrator.
$service = Get-Service -Name 'Interdict' -ErrorAction Stop
if ($service.Status -ne 'Running') { Start-Service -Name 'Interdict' }
exit 0
