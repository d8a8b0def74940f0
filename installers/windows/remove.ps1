# Takes the agent away: remove.ps1 [-Purge]. Run it in 64-bit PowerShell as SYSTEM or an administrator.
# What lies in the quarantine stays, with restore.py beside it, which needs no Interdict; -Purge refuses while there is any.
param([switch]$Purge)
$ErrorActionPreference = 'Stop'
$program = Join-Path $env:ProgramFiles 'Interdict\interdict.exe'
$data = Join-Path $env:ProgramData 'Interdict'
$installed = Test-Path -LiteralPath $program

if ($Purge -and $installed) {
    # What cannot be looked at counts as held.
    $held = & $program quarantine list --json | Out-String | ConvertFrom-Json
    if ($LASTEXITCODE -ne 0 -or $held.items.Count -gt 0 -or $held.unknown.Count -gt 0) {
        Write-Output 'interdict: something is in the quarantine: interdict quarantine list. Restore or discard it first.'
        exit 1
    }
} elseif ($Purge -and (Test-Path -Path (Join-Path $data 'state\quarantine\q-*\held\*'))) {
    Write-Output 'interdict: something is in the quarantine, and the agent is gone: restore.py beside it gives it back.'
    exit 1
}

if ($installed) {
    Stop-Service -Name 'Interdict' -ErrorAction SilentlyContinue
    Get-Process -Name 'interdict' -ErrorAction SilentlyContinue | Stop-Process -Force -ErrorAction SilentlyContinue
    # The console hears of it, if it can be reached; else the device falls silent there.
    $ErrorActionPreference = 'Continue'
    & $program leave
    $ErrorActionPreference = 'Stop'
}
$products = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\*' |
    Where-Object { $_.PSObject.Properties['DisplayName'] -and $_.DisplayName -eq 'Interdict' }
foreach ($product in $products) {
    $done = Start-Process -FilePath 'msiexec.exe' -ArgumentList "/x $($product.PSChildName) /qn /norestart" -Wait -PassThru
    if ($done.ExitCode -notin 0, 1605, 3010) { exit $done.ExitCode }
}
if ($Purge -and (Test-Path -LiteralPath $data)) { Remove-Item -LiteralPath $data -Recurse -Force }
exit 0
