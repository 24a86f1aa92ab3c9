using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace AiChat.Endpoints.Http;

/// <summary>
/// A page of a sandboxed frame. Its script is allowed by a number that is new with every answer: the origin of the frame is opaque, and
/// WebKit compares 'self' with that, so that nothing would match. Unlike the name of a host the number holds behind every proxy.
/// </summary>
internal sealed class SandboxFrame(string html, string policy)
{
    private const int NonceBytes = 16;

    /// <summary>The frames of the page by their paths; without those that were not built.</summary>
    public static IEnumerable<KeyValuePair<string, SandboxFrame>> In(Assembly assembly, IReadOnlySet<string> names)
    {
        (string Path, string Policy)[] frames =
        [
            ("/sandbox/diagram.html", SecurityHeaders.DiagramFrame),
            ("/sandbox/image.html", SecurityHeaders.ImageFrame),
        ];
        foreach (var (path, policy) in frames)
        {
            if (names.Contains($"wwwroot{path}"))
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream($"wwwroot{path}")!);
                yield return new(path, new SandboxFrame(reader.ReadToEnd(), policy));
            }
        }
    }

    public async Task Send(HttpContext context, bool head)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(NonceBytes));
        var body = Encoding.UTF8.GetBytes(html.Replace("<script ", $"<script nonce=\"{nonce}\" ", StringComparison.Ordinal));
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = policy.Replace(SecurityHeaders.Nonce, nonce, StringComparison.Ordinal);
        headers["Referrer-Policy"] = "no-referrer";

        // A copy would bring an old number, or an old policy with a new one.
        headers.CacheControl = "no-store";
        headers.ContentType = "text/html; charset=utf-8";
        headers.ContentLength = body.Length;
        if (!head)
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
        }
    }
}
