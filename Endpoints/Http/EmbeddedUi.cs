using System.Collections.Frozen;
using System.Reflection;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Serves the page that is embedded in the executable. A path that is neither a file of the page nor below a prefix of the server's own
/// routes gets the page itself, whose router handles the rest.
/// </summary>
internal sealed class EmbeddedUi
{
    private const string Prefix = "wwwroot/";
    private static readonly PathString[] ServerPaths = ["/api", "/v1", "/chat-images", "/avatars", "/metrics", "/assets", "/sandbox"];
    private readonly FrozenDictionary<string, EmbeddedAsset> _assets;
    private readonly FrozenDictionary<string, SandboxFrame> _frames;
    private readonly EmbeddedAsset? _index;
    private readonly string _basePath;
    private readonly EmbeddedAsset? _indexBelow;

    public EmbeddedUi(Assembly assembly, string basePath)
    {
        _basePath = basePath;
        var names = assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToHashSet();
        _assets = names
            .Select(PlainName)
            .Distinct()
            .ToFrozenDictionary(
                name => name[(Prefix.Length - 1)..], name => EmbeddedAsset.From(assembly, name, names), StringComparer.Ordinal);
        _frames = SandboxFrame.In(assembly, names).ToFrozenDictionary(StringComparer.Ordinal);
        _index = _assets.GetValueOrDefault("/index.html");
        _indexBelow = basePath.Length == 0 ? _index : IndexBelow(basePath);
    }

    /// <summary>Answers when the path belongs to the page. Otherwise returns false and leaves the request untouched.</summary>
    public async Task<bool> TryServe(HttpContext context)
    {
        var request = context.Request;
        var head = HttpMethods.IsHead(request.Method);
        if (!head && !HttpMethods.IsGet(request.Method))
        {
            return false;
        }

        if (_frames.TryGetValue(request.Path.Value ?? "", out var frame))
        {
            await frame.Send(context, head);
            return true;
        }

        if (Find(request) is not { } asset)
        {
            return false;
        }

        if (request.Path.StartsWithSegments("/share"))
        {
            // A shared chat is for those who have its link, not for search engines.
            context.Response.Headers["X-Robots-Tag"] = "noindex, nofollow";
        }

        await asset.Send(context, head);
        return true;
    }

    private EmbeddedAsset? Find(HttpRequest request)
    {
        var path = request.Path;
        var value = path.Value ?? "";
        if (value != "/index.html" && _assets.TryGetValue(value, out var asset))
        {
            return asset;
        }

        var isFile = value.AsSpan(value.LastIndexOf('/') + 1).Contains('.') && value != "/index.html";
        return isFile || ServerPaths.Any(prefix => path.StartsWithSegments(prefix)) ? null : IndexFor(request.PathBase);
    }

    /// <summary>A trusted proxy chooses another base than BASE_PATH seldom, so that page is made anew.</summary>
    private EmbeddedAsset? IndexFor(PathString basePath) => basePath == _basePath ? _indexBelow : IndexBelow(basePath.ToString());

    /// <summary>All links of the page are relative to its base, so a base path changes nothing else.</summary>
    private EmbeddedAsset? IndexBelow(string basePath) =>
        basePath.Length == 0 ? _index : _index?.Replace("<base href=\"/\"", $"<base href=\"{basePath}/\"");

    private static string PlainName(string name) =>
        name.EndsWith(EmbeddedAsset.Packed, StringComparison.Ordinal) ? name[..^EmbeddedAsset.Packed.Length] : name;
}

internal static class EmbeddedUiExtensions
{
    /// <summary>Comes last: answers what no endpoint matched.</summary>
    public static void UseEmbeddedUi(this WebApplication app, ServerOptions options)
    {
        var ui = new EmbeddedUi(typeof(EmbeddedUi).Assembly, options.BasePath);
        app.Use((context, next) => context.GetEndpoint() is null ? ServeOrContinue(context, next) : next(context));

        async Task ServeOrContinue(HttpContext context, RequestDelegate next)
        {
            if (!await ui.TryServe(context))
            {
                await next(context);
            }
        }
    }
}
