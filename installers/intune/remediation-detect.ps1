# Remediation, detection: exit 1 where the agent says that something of it failed. Sends only the names of the checks.
$program = Join-Path $env:ProgramFiles 'Interdict\interdict.exe'
if (-not (Test-Path -LiteralPath $program)) { Write-Output 'not installed'; exit 1 }
try {
    $checks = (& $program doctor --json | Out-String | ConvertFrom-Json).checks
} catch {
    Write-Output 'it cannot tell'
    exit 1
}
$failed = @($checks | Where-Object { $_.result -eq 'failed' } | ForEach-Object { $_.name })
if ($failed.Count -gt 0) { Write-Output ($failed -join ', '); exit 1 }
Write-Output 'healthy'
exit 0
