# As much of Homebrew's words as the formula uses; what they do is done: files fetched and compared with their sums,
# commands run, links made, the formula's own test. ruby brew.rb FORMULA PREFIX FILE...  (files in place of addresses)
require "digest"
require "fileutils"
require "open3"
require "pathname"
require "tmpdir"

FILES = ARGV[2..].to_h { |name| [File.basename(name), File.expand_path(name)] }

class Pathname
  def install_symlink(*targets)
    mkpath
    targets.each { |target| (self/target.basename).make_symlink(target) }
  end
end

module Fetched
  def url(address, using:) = (@url, @using = address, using)

  def sha256(sum) = @sum = sum

  def bring
    raise "#{@url}: would be unpacked" unless @using == :nounzip

    file = FILES.fetch(File.basename(@url))
    raise "#{file}: another sum" unless Digest::SHA256.file(file).hexdigest == @sum

    FileUtils.cp(file, ".")
  end
end

class Resource
  include Fetched

  def stage
    Dir.mktmpdir { |folder| Dir.chdir(folder) { bring; yield } }
  end
end

class Formula
  extend Fetched

  class << self
    attr_reader :resources, :examination

    %i[desc homepage license depends_on].each { |word| define_method(word) { |*| nil } }
    def version(text = nil) = text ? @version = text : @version

    def resource(name, &block) = ((@resources ||= {})[name] = Resource.new).instance_eval(&block)

    def test(&block) = @examination = block
  end

  def initialize(prefix) = @prefix = Pathname(prefix)
  def bin = @prefix/"bin"
  def libexec = @prefix/"libexec"
  def version = self.class.version
  def resource(name) = self.class.resources.fetch(name)

  def system(*words)
    said, status = Open3.capture2e(*words.map(&:to_s))
    raise "#{words.join(" ")}:\n#{said}" unless status.success?
  end

  def shell_output(line)
    said, status = Open3.capture2(line)
    raise "#{line} ended with #{status.exitstatus}" unless status.success?

    said
  end

  def assert_equal(wanted, found) = wanted == found || raise("#{found} is not #{wanted}")
  def assert_match(wanted, found) = found.match?(wanted) || raise("no #{wanted} in: #{found}")
end

load ARGV[0]
made = Interdict.new(ARGV[1])
Dir.mktmpdir { |folder| Dir.chdir(folder) { Interdict.bring; made.install } }
made.instance_eval(&Interdict.examination)
puts "installed and tested: #{made.version}"
