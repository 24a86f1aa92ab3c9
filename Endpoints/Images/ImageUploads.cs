using System.Runtime.ExceptionServices;
using AiChat.Data.Images;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace AiChat.Endpoints.Images;

/// <summary>Images over the wire: taking one in from a form or as bytes, and the headers under which one goes out.</summary>
internal static class ImageUploads
{
    /// <summary>What a form puts around a file.</summary>
    public const long FrameBytes = 16 * 1024;

    private const int MaxBoundary = 100;

    /// <summary>Takes the form's <c>file</c>, or a body that is declared an image, to disk. Never more than a small buffer in memory.</summary>
    /// <param name="maxSide">Most pixels a side.</param>
    public static async Task<(StoredImage? Image, Problem? Problem)> Receive(HttpContext context, ImageFiles files, long limit, int maxSide)
    {
        try
        {
            var (body, problem) = await Body(context);
            if (body is null)
            {
                return (null, problem);
            }

            var received = await files.Receive(body, limit, maxSide, context.RequestAborted);
            return received switch
            {
                { Image: { } image } => (image, null),
                { TooLarge: true } => (null, new Problem(413, "too_large", $"An image has at most {limit / (1024 * 1024)} MiB.")),
                _ => (null, new Problem(400, "invalid_image", received.Refused ?? "This is not an image.")),
            };
        }
        catch (UploadBrokenException broken)
        {
            if (broken.InnerException is BadHttpRequestException known)
            {
                ExceptionDispatchInfo.Throw(known);
            }

            return (null, Problems.BadRequest("The upload is not whole."));
        }
    }

    /// <summary>Whatever a file might hold, shown alone it is a picture and runs nothing.</summary>
    public static void SetHeaders(HttpResponse response, string mime)
    {
        response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        response.Headers.ContentDisposition = $"inline; filename=\"image{ImageFiles.Extension(mime)}\"";
    }

    private static async Task<(Stream? Body, Problem? Problem)> Body(HttpContext context)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var type))
        {
            return (null, Unsupported());
        }

        if (type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
        {
            return await FormFile(context, HeaderUtilities.RemoveQuotes(type.Boundary).Value);
        }

        return type.Type.Equals("image", StringComparison.OrdinalIgnoreCase) ? (context.Request.Body, null) : (null, Unsupported());
    }

    private static async Task<(Stream? Body, Problem? Problem)> FormFile(HttpContext context, string? boundary)
    {
        if (string.IsNullOrEmpty(boundary) || boundary.Length > MaxBoundary)
        {
            return (null, Problems.BadRequest("The form has no boundary."));
        }

        var reader = new MultipartReader(boundary, context.Request.Body);
        try
        {
            while (await reader.ReadNextSectionAsync(context.RequestAborted) is { } section)
            {
                if (ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)
                    && HeaderUtilities.RemoveQuotes(disposition.Name).Equals("file", StringComparison.Ordinal))
                {
                    return (section.Body, null);
                }
            }
        }
        catch (Exception error) when (error is InvalidDataException or (IOException and not BadHttpRequestException))
        {
            return (null, Problems.BadRequest("The form is malformed."));
        }

        return (null, Problems.Invalid("file", "The form holds no file of this name."));
    }

    private static Problem Unsupported() => new(415, "unsupported_media_type", "Send a form with a file, or an image.");
}
