# The commands `interdict` and `interdict-policy` for people who write policies and for trials, without the daemon.
# For a tap of your own: docs/fleet/homebrew.md says what to put in place of the addresses, version and sums.
class Interdict < Formula
  desc "Carries out a software ban honestly: writes, checks and tries policies"
  homepage "https://example.org/interdict"
  url "https://packages.example.com/interdict-0.1.0-py3-none-any.whl", using: :nounzip
  version "0.1.0"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "Apache-2.0"

  depends_on "python@3.13"

  # Every library with its sum: requirements/base.lock of the same version.
  resource "requirements" do
    url "https://packages.example.com/interdict-0.1.0-base.lock", using: :nounzip
    sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  end

  def install
    system "python3.13", "-m", "venv", libexec
    pip = libexec/"bin/pip"
    resource("requirements").stage do
      system pip, "install", "--require-hashes", "--requirement", Dir["*.lock"].first
    end
    system pip, "install", "--no-deps", Dir["*.whl"].first
    bin.install_symlink libexec/"bin/interdict", libexec/"bin/interdict-policy"
  end

  test do
    assert_equal "interdict #{version}", shell_output("#{bin}/interdict --version").strip
    assert_match "claude-code", shell_output("#{bin}/interdict-policy catalogue list")
  end
end
