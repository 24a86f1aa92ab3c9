using System.IO.Compression;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace AiChat.Endpoints.Http;

/// <summary>One file of the page, in every encoding in which it was built.</summary>
internal sealed class EmbeddedAsset
{
    // The bundler names these files by a hash of their content, so the content of a name never changes.
    private const string HashedFolder = "wwwroot/assets/";

    // A worker is subject to the policy of its own response, not to that of the page. The policy for data would let it fetch nothing.
    private const string ServiceWorker = "wwwroot/sw.js";

    // The scripts of the sandboxed frames, named by a hash of their content. The pages are a SandboxFrame each.
    private const string SandboxFolder = "wwwroot/sandbox/";
    private const string Html = "text/html; charset=utf-8";
    private const string Script = "text/javascript; charset=utf-8";
    private readonly string _contentType;
    private readonly string _cacheControl;
    private readonly Policies _policies;

    /// <summary>What the name of a resource in Brotli ends with.</summary>
    public const string Packed = ".br";

    // In the order of preference.
    private readonly Variant[] _variants;

    private EmbeddedAsset(string contentType, string cacheControl, Policies policies, Variant[] variants)
    {
        _policies = policies;
        _contentType = contentType;
        _cacheControl = cacheControl;
        _variants = variants;
    }

    /// <param name="name">
    /// The resource of the plain file. Its compressed form has .br appended; a file may exist in that alone. Browsers ask for Brotli over
    /// TLS and on their own machine only, so the gzip that they take elsewhere is made of it.
    /// </param>
    public static EmbeddedAsset From(Assembly assembly, string name, IReadOnlySet<string> names)
    {
        Stream Open(string resource) => assembly.GetManifestResourceStream(resource)!;
        Stream Plain() => names.Contains(name) ? Open(name) : Unpack(Open(name + Packed));
        var gzip = new Lazy<byte[]>(() => Pack(Plain())); // once: it takes a tenth of a second for the largest file
        Variant[] variants = names.Contains(name + Packed)
            ?
            [
                new("br", () => Open(name + Packed)), new("gzip", () => new MemoryStream(gzip.Value, writable: false)),
                new("identity", Plain),
            ]
            : [new("identity", Plain)];

        var type = TypeOf(Path.GetExtension(name));
        var hashed = name.StartsWith(HashedFolder, StringComparison.Ordinal)
            || (type == Script && name.StartsWith(SandboxFolder, StringComparison.Ordinal));
        return new EmbeddedAsset(type, hashed ? "public, max-age=31536000, immutable" : "no-cache", PoliciesOf(name, type), variants);
    }

    /// <summary>The same file with a text in it changed; sent without compression.</summary>
    public EmbeddedAsset Replace(string from, string to)
    {
        using var reader = new StreamReader(_variants[^1].Open());
        var bytes = Encoding.UTF8.GetBytes(reader.ReadToEnd().Replace(from, to));
        var variant = new Variant("identity", () => new MemoryStream(bytes, writable: false));
        return new EmbeddedAsset(_contentType, _cacheControl, _policies, [variant]);
    }

    public async Task Send(HttpContext context, bool head)
    {
        var variant = Choose(context.Request);
        var headers = context.Response.Headers;
        headers.ETag = variant.ETag;
        headers.CacheControl = _cacheControl;

        // On a 304 too: the browser merges its headers into the cached ones, and the policy for data would block the page's own files.
        _policies.Set(headers);

        if (_variants.Length > 1)
        {
            headers.Vary = HeaderNames.AcceptEncoding;
        }

        if (IsCurrent(context.Request, variant))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        headers.ContentType = _contentType;
        if (variant.Encoding != "identity")
        {
            headers.ContentEncoding = variant.Encoding;
        }

        await using var content = variant.Open();
        headers.ContentLength = content.Length;
        if (!head)
        {
            await content.CopyToAsync(context.Response.Body, context.RequestAborted);
        }
    }

    private Variant Choose(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().AcceptEncoding;
        var best = _variants[^1];
        var bestQuality = 0.0;
        foreach (var variant in _variants)
        {
            var quality = Quality(accepted, variant.Encoding);
            if (quality > bestQuality)
            {
                best = variant;
                bestQuality = quality;
            }
        }

        return best;
    }

    private static double Quality(IList<StringWithQualityHeaderValue> accepted, string encoding)
    {
        var named = accepted.FirstOrDefault(item => item.Value.Equals(encoding, StringComparison.OrdinalIgnoreCase))
            ?? accepted.FirstOrDefault(item => item.Value == "*");

        // When the client does not name it, the plain file is acceptable, but every encoding that it names is preferred.
        return named is null ? (encoding == "identity" ? 0.0001 : 0) : named.Quality ?? 1;
    }

    private static bool IsCurrent(HttpRequest request, Variant variant) =>
        request.GetTypedHeaders().IfNoneMatch.Any(tag => tag.Tag == "*" || tag.Tag == variant.ETag);

    private static MemoryStream Unpack(Stream packed)
    {
        using var brotli = new BrotliStream(packed, CompressionMode.Decompress);
        var plain = new MemoryStream();
        brotli.CopyTo(plain);
        plain.Position = 0;
        return plain;
    }

    private static byte[] Pack(Stream plain)
    {
        var packed = new MemoryStream();
        using (plain)
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            plain.CopyTo(gzip);
        }

        return packed.ToArray();
    }

    private static Policies PoliciesOf(string name, string type) => name switch
    {
        // The frame has an opaque origin, so its own script is cross-origin to it.
        _ when type == Script && name.StartsWith(SandboxFolder, StringComparison.Ordinal) => new Policies(Resource: "cross-origin"),
        _ when type == Html || name == ServiceWorker => new Policies(SecurityHeaders.AppShell),
        _ => default,
    };

    private static string TypeOf(string extension) => extension switch
    {
        ".html" => Html,
        ".js" or ".mjs" => Script,
        ".css" => "text/css; charset=utf-8",
        ".json" => "application/json; charset=utf-8",
        ".webmanifest" => "application/manifest+json",
        ".svg" => "image/svg+xml",
        ".png" => "image/png",
        ".ico" => "image/x-icon",
        ".webp" => "image/webp",
        ".woff2" => "font/woff2",
        ".txt" => "text/plain; charset=utf-8",
        ".wasm" => "application/wasm",
        _ => "application/octet-stream",
    };

    /// <summary>Headers that differ from those of <see cref="SecurityHeaders"/>.</summary>
    private readonly record struct Policies(string? Content = null, string? Resource = null)
    {
        public void Set(IHeaderDictionary headers)
        {
            Put(headers, HeaderNames.ContentSecurityPolicy, Content);
            Put(headers, "Cross-Origin-Resource-Policy", Resource);
        }

        private static void Put(IHeaderDictionary headers, string name, string? value)
        {
            if (value is not null)
            {
                headers[name] = value;
            }
        }
    }

    private sealed class Variant(string encoding, Func<Stream> open)
    {
        // Computed at the first request: hashing the whole page at start would delay the first answer.
        private readonly Lazy<string> _etag = new(() =>
        {
            using var content = open();
            return $"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16))}\"";
        });

        public string Encoding => encoding;

        public string ETag => _etag.Value;

        public Stream Open() => open();
    }
}
