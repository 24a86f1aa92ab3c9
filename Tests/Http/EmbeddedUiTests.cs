using System.IO.Compression;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.Http;

namespace AiChat.Tests.Http;

public sealed class EmbeddedUiTests
{
    private const string Script = "/assets/main-D3adB33f.js";

    private static readonly PageAssembly Page = new(new Dictionary<string, string>
    {
        ["wwwroot/index.html"] = "<head><base href=\"/\" /></head>",
        ["wwwroot/index.html.br"] = PageAssembly.Packed + "br of index",
        ["wwwroot/icon.svg"] = "<svg/>",
        ["wwwroot/assets/main-D3adB33f.js"] = "plain",
        ["wwwroot/assets/main-D3adB33f.js.br"] = PageAssembly.Packed + "plain",
        ["wwwroot/sw.js"] = "worker",
        ["wwwroot/sandbox/diagram.html"] = "<script src=\"./diagram-D3adB33f.js\"></script>",
        ["wwwroot/sandbox/diagram-D3adB33f.js.br"] = PageAssembly.Packed + "drawing",
        ["wwwroot/sandbox/image.html"] = "<script src=\"./image-D3adB33f.js\"></script>",
        ["wwwroot/sandbox/other.html"] = "not one of the two",
        ["migrations/0001.sql"] = "secret",
    });

    private const string SandboxScript = "/sandbox/diagram-D3adB33f.js";

    [Theory]
    [InlineData("br, gzip", "br")]
    [InlineData("gzip, deflate", "gzip")]
    [InlineData("gzip;q=1.0, br;q=0.5", "gzip")]
    [InlineData("br;q=0, *", "gzip")]
    [InlineData("BR", "br")]
    [InlineData("gzip;q=0, br;q=0", "plain")]
    [InlineData("identity, br;q=0.1", "plain")]
    [InlineData("zstd", "plain")]
    [InlineData("", "plain")]
    [InlineData(";;;=broken", "plain")]
    public async Task The_encoding_asked_for_is_sent(string accepts, string expected)
    {
        var (response, body) = await Get(Script, accepts);
        Assert.Equal("plain", body);
        Assert.Equal(expected == "plain" ? "" : expected, response.Headers.ContentEncoding.ToString());
        Assert.Equal("Accept-Encoding", response.Headers.Vary.ToString());
    }

    [Fact]
    public async Task Hashed_files_are_kept_for_ever_and_the_page_is_asked_for_again()
    {
        var (script, _) = await Get(Script);
        Assert.Equal("public, max-age=31536000, immutable", script.Headers.CacheControl.ToString());
        Assert.Equal("text/javascript; charset=utf-8", script.ContentType);
        foreach (var path in new[] { "/", "/index.html", "/icon.svg" })
        {
            var (page, _) = await Get(path);
            Assert.Equal("no-cache", page.Headers.CacheControl.ToString());
        }
    }

    [Fact]
    public async Task A_known_tag_gives_304_and_each_encoding_has_its_own()
    {
        var (plain, _) = await Get(Script);
        var (compressed, _) = await Get(Script, "br");
        Assert.NotEqual(plain.Headers.ETag.ToString(), compressed.Headers.ETag.ToString());
        Assert.StartsWith("\"", compressed.Headers.ETag.ToString());

        var (again, body) = await Get(Script, "br", context => context.Request.Headers.IfNoneMatch = $"\"x\", W/{compressed.Headers.ETag}");
        Assert.Equal(304, again.StatusCode);
        Assert.Equal("", body);
        Assert.Equal(compressed.Headers.ETag, again.Headers.ETag);
        var (other, _) = await Get(Script, "", context => context.Request.Headers.IfNoneMatch = compressed.Headers.ETag);
        Assert.Equal(200, other.StatusCode);
    }

    [Fact]
    public async Task The_page_keeps_its_policy_when_the_browser_has_it_already()
    {
        var (first, _) = await Get("/");
        var (again, _) = await Get("/", "", context => context.Request.Headers.IfNoneMatch = first.Headers.ETag);
        Assert.Equal(304, again.StatusCode);
        Assert.Equal(SecurityHeaders.AppShell, first.Headers.ContentSecurityPolicy.ToString());
        Assert.Equal(SecurityHeaders.AppShell, again.Headers.ContentSecurityPolicy.ToString());
    }

    [Fact]
    public async Task Only_the_two_sandbox_pages_may_be_framed_and_they_have_no_origin()
    {
        (string Path, string Policy)[] pages =
        [
            ("/sandbox/diagram.html",
                "default-src 'none'; script-src 'nonce-*'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
                    + "frame-ancestors 'self'; sandbox allow-scripts"),
            ("/sandbox/image.html",
                "default-src 'none'; script-src 'nonce-*'; img-src http: https:; base-uri 'none'; form-action 'none'; "
                    + "frame-ancestors 'self'; sandbox allow-scripts"),
        ];
        foreach (var (path, policy) in pages)
        {
            // The origin is opaque, and in WebKit 'self' matches nothing then: the one script is named by a number of this answer.
            var nonces = new HashSet<string>();
            for (var turn = 0; turn < 2; turn++)
            {
                var (frame, html) = await Get(path, "br", context => context.Request.Headers.IfNoneMatch = "*");
                var nonce = Regex.Match(html, "<script nonce=\"([A-Za-z0-9+/=]{24})\" src=\"[^\"]+\"></script>").Groups[1].Value;
                Assert.Equal(policy.Replace("*", nonce, StringComparison.Ordinal), frame.Headers.ContentSecurityPolicy.ToString());
                Assert.Equal("no-referrer", frame.Headers["Referrer-Policy"].ToString());
                Assert.Equal("no-store", frame.Headers.CacheControl.ToString());
                Assert.Equal(html.Length, frame.ContentLength);
                Assert.True(nonces.Add(nonce));
            }
        }

        foreach (var path in new[] { "/", "/c/1", "/index.html", "/sw.js", "/sandbox/other.html" })
        {
            var (response, _) = await Get(path);
            Assert.Equal(SecurityHeaders.AppShell, response.Headers.ContentSecurityPolicy.ToString());
            Assert.Contains("frame-ancestors 'none'", SecurityHeaders.AppShell);
        }
    }

    [Fact]
    public async Task A_frame_without_an_origin_may_load_its_own_script_and_no_other_file()
    {
        var (script, _) = await Get(SandboxScript);
        Assert.Equal("cross-origin", script.Headers["Cross-Origin-Resource-Policy"].ToString());
        Assert.Equal("public, max-age=31536000, immutable", script.Headers.CacheControl.ToString());
        foreach (var path in new[] { "/", Script, "/icon.svg", "/sandbox/diagram.html" })
        {
            var (other, _) = await Get(path);
            Assert.Equal("", other.Headers["Cross-Origin-Resource-Policy"].ToString());
        }
    }

    [Theory]
    [InlineData("br, gzip", "br")]
    [InlineData("gzip, deflate", "gzip")]
    [InlineData("", "")]
    [InlineData("zstd", "")]
    public async Task A_file_that_exists_in_Brotli_only_comes_in_every_encoding(string accepts, string encoding)
    {
        var (response, body) = await Get(SandboxScript, accepts);
        Assert.Equal("drawing", body);
        Assert.Equal(encoding, response.Headers.ContentEncoding.ToString());
        Assert.Equal("Accept-Encoding", response.Headers.Vary.ToString());
    }

    [Fact]
    public async Task Head_has_the_headers_without_the_body()
    {
        var (response, body) = await Get(Script, "", context => context.Request.Method = "HEAD");
        Assert.Equal("", body);
        Assert.Equal(5, response.ContentLength);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/login")]
    [InlineData("/main/logs/task-trace")]
    [InlineData("/share/abc")]
    [InlineData("/apiary")]
    public async Task Paths_of_the_page_are_the_page(string path)
    {
        var (response, body) = await Get(path);
        Assert.Equal("text/html; charset=utf-8", response.ContentType);
        Assert.Contains("<base", body);
    }

    [Theory]
    [InlineData("GET", "/api/unknown")]
    [InlineData("GET", "/api")]
    [InlineData("GET", "/v1/models")]
    [InlineData("GET", "/chat-images/1")]
    [InlineData("GET", "/metrics")]
    [InlineData("GET", "/assets/gone")]
    [InlineData("GET", "/sandbox/gone")]
    [InlineData("GET", "/sandbox/diagram-D3adB33f.js.gz")]
    [InlineData("GET", "/unknown.js")]
    [InlineData("GET", "/assets/main-D3adB33f.js.br")]
    [InlineData("GET", "/../migrations/0001.sql")]
    [InlineData("POST", "/login")]
    public async Task Everything_else_is_left_alone(string method, string path)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Path = path;
        Assert.False(await new EmbeddedUi(Page, "").TryServe(context));
    }

    [Fact]
    public async Task A_base_path_is_written_into_the_page()
    {
        var (response, body) = await Get("/login", "br", basePath: "/chat");
        Assert.Equal("<head><base href=\"/chat/\" /></head>", body);
        Assert.Equal("", response.Headers.ContentEncoding.ToString());
    }

    [Fact]
    public async Task Without_a_page_nothing_is_served()
    {
        var context = new DefaultHttpContext { Request = { Method = "GET", Path = "/" } };
        Assert.False(await new EmbeddedUi(new PageAssembly(new Dictionary<string, string>()), "").TryServe(context));
    }

    private static async Task<(HttpResponse Response, string Body)> Get(
        string path, string accepts = "", Action<HttpContext>? change = null, string basePath = "")
    {
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { Request = { Method = "GET", Path = path, PathBase = basePath }, Response = { Body = body } };
        context.Request.Headers.AcceptEncoding = accepts;
        change?.Invoke(context);
        Assert.True(await new EmbeddedUi(Page, basePath).TryServe(context));
        if (body.Length > 0)
        {
            Assert.Equal(body.Length, context.Response.ContentLength);
        }

        body.Position = 0;
        using Stream plain = context.Response.Headers.ContentEncoding.ToString() switch
        {
            _ when body.Length == 0 => body,
            "br" => new BrotliStream(body, CompressionMode.Decompress),
            "gzip" => new GZipStream(body, CompressionMode.Decompress),
            _ => body,
        };
        using var reader = new StreamReader(plain);
        return (context.Response, await reader.ReadToEndAsync());
    }

    private sealed class PageAssembly(IReadOnlyDictionary<string, string> resources) : Assembly
    {
        /// <summary>The prefix of content that is compressed.</summary>
        public const string Packed = "brotli:";

        public override string[] GetManifestResourceNames() => [.. resources.Keys];

        public override Stream? GetManifestResourceStream(string name)
        {
            if (!resources.TryGetValue(name, out var text))
            {
                return null;
            }

            var packed = new MemoryStream();
            if (!text.StartsWith(Packed, StringComparison.Ordinal))
            {
                return new MemoryStream(Encoding.UTF8.GetBytes(text));
            }

            using (var brotli = new BrotliStream(packed, CompressionMode.Compress, leaveOpen: true))
            {
                brotli.Write(Encoding.UTF8.GetBytes(text[Packed.Length..]));
            }

            packed.Position = 0;
            return packed;
        }
    }
}
