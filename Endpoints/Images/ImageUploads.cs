using System.Runtime.ExceptionServices;
using AiChat.Data.Images;
using AiChat.Endpoints.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace AiChat.Endpoints.Images;

/// <summary>Receives images from a form or as bytes, and sets the headers under which they are served.</summary>
internal static class ImageUploads
{
    /// <summary>Bytes that a form adds to a file.</summary>
    public const long FrameBytes = 16 * 1024;

    private const int MaxBoundary = 100;

    /// <summary>Writes the <c>file</c> of the form, or a body with an image type, to disk, with only a small buffer in memory.</summary>
    /// <param name="maxSide">Maximum pixels of a side.</param>
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

            return (null, Problems.BadRequest("The upload is incomplete."));
        }
    }

    /// <summary>Whatever a file contains, opened alone it is an image and runs no script.</summary>
    public static void SetHeaders(HttpResponse response, string mime)
    {
        response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        response.Headers.ContentDisposition = $"inline; filename=\"image{ImageFolder.Extension(mime)}\"";
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
