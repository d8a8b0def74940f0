# On a throw-away machine: the MSI from the first silent installation to its removal, with a policy and a console of its own.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false
$built = Join-Path $PWD 'installers-built\dist'
$program = Join-Path $env:ProgramFiles 'Interdict\interdict.exe'
$data = Join-Path $env:ProgramData 'Interdict'
New-Item -ItemType Directory -Force logs | Out-Null

function Assert-That([bool]$holds, [string]$what) { if (-not $holds) { throw "not so: $what" } else { "ok: $what" } }
function Wait-For([scriptblock]$test, [string]$what, [int]$seconds = 120) {
    for ($i = 0; $i -lt $seconds; $i++) { if (& $test) { return "ok: $what" }; Start-Sleep -Seconds 1 }
    throw "not within $seconds s: $what"
}
function Install-Msi([string]$version, [string[]]$settings) {
    $words = @('/i', "`"$built\interdict-$version.msi`"", '/qn', '/norestart', '/l*v', "logs\install-$version.log") + $settings
    $done = Start-Process -FilePath msiexec.exe -ArgumentList $words -Wait -PassThru
    Assert-That ($done.ExitCode -eq 0) "msiexec of $version ended with 0 (it was $($done.ExitCode))"
}
function Get-Traces {
    # Everything that an installation could leave, as lines.
    foreach ($place in (Split-Path $program), $data, "$env:PUBLIC\Desktop") {
        if (Test-Path -LiteralPath $place) { Get-ChildItem -LiteralPath $place -Recurse -Force | ForEach-Object { "file $($_.FullName)" } }
    }
    if (Get-Service -Name Interdict -ErrorAction SilentlyContinue) { 'service Interdict' }
    foreach ($key in 'HKLM:\SOFTWARE\Policies\Interdict', 'HKLM:\SOFTWARE\Interdict') { if (Test-Path $key) { "key $key" } }
    (Get-Item 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Run').Property | ForEach-Object { "run $_" }
    Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\*' | ForEach-Object { "product $($_.PSChildName)" }
    Get-LocalUser | ForEach-Object { "user $($_.Name)" }
    [Environment]::GetEnvironmentVariable('Path', 'Machine') -split ';' | ForEach-Object { "path $_" }
}

npm install --global --ignore-scripts '@anthropic-ai/claude-code'
$before = Get-Traces | Sort-Object -Unique
$folder = Join-Path $PWD 'fleet'
$servers = Start-Process -FilePath python -ArgumentList '-m', 'tests.fakes.installers_fleet', $folder -PassThru -NoNewWindow
Wait-For { Test-Path "$folder\fleet.json" } 'policy and console run'
$fleet = Get-Content "$folder\fleet.json" | ConvertFrom-Json

try {
    Install-Msi '0.1.0' @("POLICYURL=$($fleet.policy_url)", "SERVER=$($fleet.server)", "SECRET=$($fleet.secret)", "TRUSTROOT=$folder\root.json", 'GROUPS=engineering,shanghai')
    Assert-That ((& $program --version) -eq 'interdict 0.1.0') 'it is 0.1.0'
    Assert-That (-not (Select-String -Path logs\install-0.1.0.log -Encoding unicode -SimpleMatch $fleet.secret -Quiet)) 'the secret is in no log'
    Wait-For { (Get-Service Interdict).Status -eq 'Running' } 'the service runs'
    Wait-For { (Get-Content "$folder\devices.json" | ConvertFrom-Json).Count -eq 1 } 'the console knows the device'
    Assert-That ((Get-Content "$folder\devices.json" | ConvertFrom-Json)[0].groups -match 'shanghai') 'with its groups'

    & $program scan --json > logs\scan.json
    Assert-That ($LASTEXITCODE -eq 1) 'a scan finds the banned package'
    & $program doctor --json > logs\doctor.json
    $failed = (Get-Content logs\doctor.json -Raw | ConvertFrom-Json).checks | Where-Object result -eq 'failed'
    Assert-That ($null -eq $failed) "doctor finds nothing that failed: $($failed.what -join '; ')"
    Assert-That ((installers\intune\detect.ps1) -match '^Interdict 0\.1\.0') 'Intune detects it'

    Install-Msi '0.2.0' @()
    Assert-That ((& $program --version) -eq 'interdict 0.2.0') 'it is 0.2.0'
    $kept = Get-ItemProperty 'HKLM:\SOFTWARE\Policies\Interdict'
    Assert-That ($kept.server -eq $fleet.server -and $kept.groups -eq 'engineering,shanghai') 'the settings were kept'
    Wait-For { (Get-Content "$folder\devices.json" | ConvertFrom-Json)[0].agent -eq '0.2.0' } 'the console knows of the new version'

    powershell.exe -NoProfile -ExecutionPolicy Bypass -File installers\windows\remove.ps1 -Purge
    Assert-That ($LASTEXITCODE -eq 0) 'it is removed'
    Assert-That ((Get-Content "$folder\devices.json" | ConvertFrom-Json)[0].removed_at -ne 'None') 'the console knows of the removal'
    $left = Compare-Object $before (Get-Traces | Sort-Object -Unique) | ForEach-Object { "$($_.SideIndicator) $($_.InputObject)" }
    Assert-That ($null -eq $left) "nothing is left: $($left -join '; ')"
} finally {
    New-Item -ItemType File -Force "$folder\end" | Out-Null
    $servers | Wait-Process -Timeout 60
}
