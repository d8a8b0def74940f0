# Detection rule (custom script) of the Win32 app: exit 0 with a line on stdout means "installed".
# Intune runs it as SYSTEM in 64-bit PowerShell: say so in the app's settings. Put the version you deploy here.
$wanted = [version]'0.1.0'
$program = Join-Path $env:ProgramFiles 'Interdict\interdict.exe'
$service = Get-Service -Name 'Interdict' -ErrorAction SilentlyContinue
if (-not (Test-Path -LiteralPath $program) -or $null -eq $service) { exit 1 }
$product = Get-ItemProperty -Path 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\*' -ErrorAction SilentlyContinue |
    Where-Object { $_.DisplayName -eq 'Interdict' } | Select-Object -First 1
if ($null -eq $product -or [version]$product.DisplayVersion -lt $wanted) { exit 1 }
Write-Output "Interdict $($product.DisplayVersion)"
exit 0
